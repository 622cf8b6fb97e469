"""python -m tasks.doctor: is a data set fit for training?"""
