"""The discrete-event simulation: queues, controller, ledger."""
