"""Room: forests in own machine code, several times as fast as onnxruntime, with the same logits to the last bit.

`forest.forest_of` makes one of a model file that holds what this project's exporter of trees writes
(iotids/learning/baselines/onnx); any other graph stays with onnxruntime.
"""
