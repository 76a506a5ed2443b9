"""Spiking neurons, SEW-ResNets and VGGs, and the recording of their firing."""

from snnbench.nn.averaged import averaged_gradients
from snnbench.nn.compiled import optimize
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron
from snnbench.nn.recording import FiringRecorder, record_firing
from snnbench.nn.rectifier import rectified
from snnbench.nn.sew_resnet import SEWResNet, sew_resnet8, sew_resnet18, sew_resnet34
from snnbench.nn.spiking_vgg import SpikingVGG, spiking_vgg9
from snnbench.nn.synapses import OperationRecorder, record_operations, weight_layers

__all__ = [
    "FiringRecorder",
    "IFNeuron",
    "LIFNeuron",
    "OperationRecorder",
    "PLIFNeuron",
    "SEWResNet",
    "SpikingNeuron",
    "SpikingVGG",
    "averaged_gradients",
    "optimize",
    "record_firing",
    "record_operations",
    "rectified",
    "sew_resnet8",
    "sew_resnet18",
    "sew_resnet34",
    "spiking_vgg9",
    "weight_layers",
]
