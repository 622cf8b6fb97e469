import pytest
import torch
from torch.nn import functional as F

from tasks.classification.distillation import distillation_loss
from tasks.classification.losses import classification_loss

LOGITS = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 3, 1, 1, 2])
ONE_HOT = F.one_hot(LABELS, 4).float()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_of_one_label_it_is_torchs_cross_entropy(smoothing):
    loss = classification_loss(LOGITS, ONE_HOT, scores="softmax", label_smoothing=smoothing)
    torch.testing.assert_close(loss, F.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing))


def test_of_several_labels_it_is_the_mean_of_each_by_itself():
    loss = classification_loss(LOGITS, ONE_HOT, scores="sigmoid")
    expected = -(ONE_HOT * LOGITS.sigmoid().log() + (1 - ONE_HOT) * (1 - LOGITS.sigmoid()).log()).mean()
    torch.testing.assert_close(loss, expected)


def test_half_precision_is_computed_in_single():
    assert classification_loss(LOGITS.bfloat16(), ONE_HOT, scores="softmax").dtype == torch.float32


@pytest.mark.parametrize("scores", ["softmax", "sigmoid"])
def test_a_student_that_equals_its_teacher_has_nothing_to_learn(scores):
    same = distillation_loss(LOGITS, LOGITS, scores=scores, class_map=None, temperature=2.0)
    other = distillation_loss(LOGITS, LOGITS.flip(1), scores=scores, class_map=None, temperature=2.0)
    mapped = distillation_loss(
        LOGITS, LOGITS.flip(1), scores=scores, class_map=torch.tensor([3, 2, 1, 0]), temperature=2.0
    )
    assert abs(same) < 1e-6
    assert abs(mapped) < 1e-6
    assert other > 0.1


def test_distillation_by_hand():
    ours, theirs = torch.zeros(1, 2), torch.tensor([[2.0, 0.0]])
    loss = distillation_loss(ours, theirs, scores="softmax", class_map=None, temperature=2.0)
    p = torch.tensor([1.0, 0.0]).softmax(0)
    torch.testing.assert_close(loss, 4 * (p * (p / 0.5).log()).sum())
