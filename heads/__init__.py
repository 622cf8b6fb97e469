"""Feature maps -> raw predictions, and what those numbers mean; imports torch and backbones' layers only.

One legend for the whole code base: N images, K classes (background is not one), A anchors over all levels,
G ground-truth boxes, C channels, L levels. Cn is the map at stride 2^n. Boxes are xyxy, absolute pixels, float32;
any other form says so in its name. A size is (height, width). Logits come before a softmax or sigmoid, scores after.
"""
