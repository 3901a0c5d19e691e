"""Arrays and JSON."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

type F32 = npt.NDArray[np.float32]

type F64 = npt.NDArray[np.float64]

type I32 = npt.NDArray[np.int32]

type I64 = npt.NDArray[np.int64]

type Mask = npt.NDArray[np.bool_]

type Json = bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None

type JsonObject = Mapping[str, Json]
