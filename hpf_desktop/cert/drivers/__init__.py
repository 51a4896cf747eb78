"""What each kind of certificate key speaks."""
