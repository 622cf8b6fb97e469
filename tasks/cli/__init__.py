"""How every command starts and ends; its options, and what is said when they are wrong."""
