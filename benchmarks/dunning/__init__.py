"""A contest of dunning policies on simulated failed payments, whose causes no policy sees."""
