"""Teachers: trained networks that a student in training imitates, beside what its labels say."""
