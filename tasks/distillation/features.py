"""The loss of a student whose features are to point where those of a teacher do, cell by cell."""

from torch import Tensor
from torch.nn import functional as F

from tasks.collectives import part_of_mean


def feature_loss(projected: Tensor, features: Tensor) -> Tensor:
    """Average 1 - cosine similarity over all cells, in float32; several processes count the images of all.

    A projection to the teacher's width that training alone has is FitNets' (arXiv:1412.6550, section 2.2, where the
    distance is Euclidean); the angle is free of the two networks' scales.

    Args:
        projected: (N, C, h, w), the student's map in the teacher's channels.
        features: (N, C, h', w'), the teacher's map; it is resized to the student's.

    Returns:
        A scalar.
    """
    features = F.interpolate(features.float(), size=projected.shape[-2:], mode="bilinear", align_corners=False)
    distances = 1 - F.cosine_similarity(projected.float(), features, dim=1)  # (N, h, w)
    return part_of_mean(distances.mean(), len(distances))
