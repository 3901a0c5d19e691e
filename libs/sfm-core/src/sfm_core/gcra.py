"""The generic cell rate algorithm, in whole microseconds: the reference of its Lua twin.

A subject's state is one number, its theoretical arrival time: when all that was allowed so far
would have been used up at the steady rate. It may run ahead of the clock by the burst, not
further. In any stretch of `t` seconds at most `limit + t * limit / window_s` calls are allowed,
a caller that keeps the rate is never refused, and a refusal costs nothing.
"""

from sfm_core.model import Quota, Verdict


def judge(quota: Quota, arrival_us: int, now_us: int) -> tuple[Verdict, int]:
    """What becomes of one call now, and the arrival time afterwards.

    `arrival_us` is 0 for a subject that is not known (or long idle, which is the same). One that
    no call can have made, because the clock was set back, is as if it were not known.
    """
    ahead = arrival_us - now_us
    arrival = arrival_us if 0 < ahead <= quota.burst_us else now_us
    after = arrival + quota.interval_us
    allowed = after - now_us <= quota.burst_us
    if not allowed:
        after = arrival
    return (
        Verdict(
            allowed=allowed,
            remaining=(quota.burst_us - (after - now_us)) // quota.interval_us,
            retry_after_us=0 if allowed else after + quota.interval_us - now_us - quota.burst_us,
            reset_us=after - now_us,
        ),
        after,
    )
