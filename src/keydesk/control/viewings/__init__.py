"""Looking at a customer's pages as the customer sees them: for a reason, for a while, without a hand on anything."""
