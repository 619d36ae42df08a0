"""Operators: the pieces of work that a layer graph is made of, one file a kind.

A new kind is one new file here: a subclass of OperatorKind with a name and a reach of its own.
"""

from __future__ import annotations

from accelsim.model.operators.add import Add
from accelsim.model.operators.affine import Affine
from accelsim.model.operators.attention_context import AttentionContext
from accelsim.model.operators.attention_scores import AttentionScores
from accelsim.model.operators.average_pool import AveragePool
from accelsim.model.operators.base import OPERATOR_KINDS as OPERATOR_KINDS
from accelsim.model.operators.base import Operator as Operator
from accelsim.model.operators.base import OperatorKind as OperatorKind
from accelsim.model.operators.base import Reach as Reach
from accelsim.model.operators.base import Recipe as Recipe
from accelsim.model.operators.base import StateAccess as StateAccess
from accelsim.model.operators.base import all_kinds as all_kinds
from accelsim.model.operators.base import find_kind as find_kind
from accelsim.model.operators.clip import Clip
from accelsim.model.operators.concat import Concat
from accelsim.model.operators.convolution import Convolution
from accelsim.model.operators.elu import Elu
from accelsim.model.operators.entropy import Entropy
from accelsim.model.operators.gather import Gather
from accelsim.model.operators.gelu import Gelu
from accelsim.model.operators.interpolate import Interpolate
from accelsim.model.operators.kv_cache import KvCache
from accelsim.model.operators.layer_norm import LayerNorm
from accelsim.model.operators.leaky_relu import LeakyRelu
from accelsim.model.operators.matmul import Matmul
from accelsim.model.operators.max_pool import MaxPool
from accelsim.model.operators.multiply import Multiply
from accelsim.model.operators.prelu import Prelu
from accelsim.model.operators.prepend import Prepend
from accelsim.model.operators.rearrange import Rearrange
from accelsim.model.operators.relu import Relu
from accelsim.model.operators.rms_norm import RmsNorm
from accelsim.model.operators.rotary import Rotary
from accelsim.model.operators.score_bias import ScoreBias
from accelsim.model.operators.sigmoid import Sigmoid
from accelsim.model.operators.silu import Silu
from accelsim.model.operators.softmax import Softmax
from accelsim.model.operators.softplus import Softplus
from accelsim.model.operators.take import Take
from accelsim.model.operators.tanh import Tanh
from accelsim.model.operators.trigram import Trigram
from accelsim.model.operators.window import Window as Window

ADD = Add()
AFFINE = Affine()
ATTENTION_CONTEXT = AttentionContext()
ATTENTION_SCORES = AttentionScores()
AVERAGE_POOL = AveragePool()
CLIP = Clip()
CONCAT = Concat()
CONVOLUTION = Convolution()
ELU = Elu()
ENTROPY = Entropy()
GATHER = Gather()
GELU = Gelu()
INTERPOLATE = Interpolate()
KV_CACHE = KvCache()
LAYER_NORM = LayerNorm()
LEAKY_RELU = LeakyRelu()
MATMUL = Matmul()
MAX_POOL = MaxPool()
MULTIPLY = Multiply()
PRELU = Prelu()
PREPEND = Prepend()
REARRANGE = Rearrange()
RELU = Relu()
RMS_NORM = RmsNorm()
ROTARY = Rotary()
SCORE_BIAS = ScoreBias()
SIGMOID = Sigmoid()
SILU = Silu()
SOFTMAX = Softmax()
SOFTPLUS = Softplus()
TAKE = Take()
TANH = Tanh()
TRIGRAM = Trigram()
