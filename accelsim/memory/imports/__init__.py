"""Files of other tools as technology files: NVSim, NS-Cache, NVMExplorer, CACTI, DRAMSys."""
