"""Spiking neurons, SEW-ResNets, and the recording of their firing."""

from snnbench.nn.averaged import averaged_gradients
from snnbench.nn.compiled import optimize
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron
from snnbench.nn.recording import FiringRecorder, record_firing
from snnbench.nn.rectifier import rectified
from snnbench.nn.sew_resnet import SEWResNet, sew_resnet8, sew_resnet18, sew_resnet34
from snnbench.nn.synapses import OperationRecorder, record_operations, weight_layers

__all__ = [
    "FiringRecorder",
    "IFNeuron",
    "LIFNeuron",
    "OperationRecorder",
    "PLIFNeuron",
    "SEWResNet",
    "SpikingNeuron",
    "averaged_gradients",
    "optimize",
    "record_firing",
    "record_operations",
    "rectified",
    "sew_resnet8",
    "sew_resnet18",
    "sew_resnet34",
    "weight_layers",
]
