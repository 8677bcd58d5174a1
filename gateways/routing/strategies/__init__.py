"""The strategies that a rule of the policy can lead to: each picks one of the gateways that are able and up."""
