"""What a deployment is made of: images, their locks, and how PostgreSQL and Temporal are prepared."""
