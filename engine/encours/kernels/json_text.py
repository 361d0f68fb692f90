"""The objects of a JSON array, found in the bytes."""

from encours.kernels._jit import kernel

STATE_DEPTH = 0
STATE_IS_TEXT = 1
STATE_IS_ESCAPED = 2
STATE_IS_DONE = 3


@kernel
def find_objects(data, state, out_start, out_end):
    """Find the complete objects of an array, whose bracket is already passed; give their number.

    data       uint8[m]
    state      int64[4]  STATE_...: brackets open, inside a text, behind a backslash, array closed;
                         all zero at the start, written
    out_start  int64[k]  written; k is at least half the bytes
    out_end    int64[k]  written; behind the closing brace

    An object that is cut off at the end of `data` is not counted: the caller gives its bytes again,
    behind them the rest, with the depth zero.
    """
    count = 0
    depth = state[STATE_DEPTH]
    is_text = state[STATE_IS_TEXT]
    is_escaped = state[STATE_IS_ESCAPED]
    for at in range(data.shape[0]):
        byte = data[at]
        if is_text:
            if is_escaped:
                is_escaped = 0
            elif byte == 92:
                is_escaped = 1
            elif byte == 34:
                is_text = 0
        elif byte == 34:
            is_text = 1
        elif byte in (123, 91):
            if depth == 0:
                out_start[count] = at
            depth += 1
        elif byte in (125, 93):
            depth -= 1
            if depth == 0:
                out_end[count] = at + 1
                count += 1
            elif depth < 0:
                state[STATE_IS_DONE] = 1
                break
    state[STATE_DEPTH] = depth
    state[STATE_IS_TEXT] = is_text
    state[STATE_IS_ESCAPED] = is_escaped
    return count
