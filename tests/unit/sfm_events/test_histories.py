"""Whatever happens to a group of consumers: each record is handled, or dead-lettered if it must."""

import os

from tests.unit.sfm_events.histories import check_histories

HISTORIES = int(os.environ.get("SFM_TEST_HISTORIES", "20"))


async def test_every_record_of_a_random_history_is_handled_or_rightly_buried() -> None:
    """Outages, poison, nonsense, duplicates, rebalances, members that come, leave and die."""
    await check_histories(HISTORIES)
