"""The gateways, and the contract that every adapter keeps."""
