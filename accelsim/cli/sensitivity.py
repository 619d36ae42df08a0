"""``accelsim sensitivity``: beside ``uncertainty``, with which it shares its options."""

from accelsim.cli.uncertainty import sensitivity as sensitivity
