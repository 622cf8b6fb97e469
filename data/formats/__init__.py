"""How label files are laid out on disk: boxes in COCO, YOLO and Pascal VOC, masks in Cityscapes and in folders."""
