"""The constants that a step needs: of a device, a node, a network, a software stack."""
