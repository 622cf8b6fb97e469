import torch

torch.set_num_threads(1)  # the tensors are small: a second thread costs more than it brings
