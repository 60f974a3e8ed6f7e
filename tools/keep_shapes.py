"""How many of many changed pictures of drawn shapes keep their parts and holes: python -m tools.keep_shapes [NUMBER]"""

import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from fewshot.data.pictures import PictureError
from tests.shapes import changes, drawn, is_clear, keeps, picture, shapes


def main(number: int = 2000, failures: Path | None = None) -> None:
    count: Counter[str] = Counter()
    slowest = 0.0

    @seed(0)
    @settings(
        max_examples=3 * number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(shapes(), changes())
    def check(shape, change):
        nonlocal slowest
        if count["tried"] >= number:
            return
        ink, weak = drawn(shape, change.margin)
        if not is_clear(ink, change.side):
            return
        count["tried"] += 1
        data = picture(ink, weak, change)
        started = time.perf_counter()
        try:
            kept = keeps(ink, data)
        except PictureError:
            kept = False
        slowest = max(slowest, time.perf_counter() - started)
        count["kept"] += kept
        if not kept:
            print(change, f"width={shape.width:.3f}", f"weak={shape.weak}", flush=True)
            if failures is not None:
                failures.mkdir(exist_ok=True)
                (failures / f"{count['tried']:05d}.png").write_bytes(data)

    check()
    share = count["kept"] / count["tried"]
    print(f"{count['kept']} of {count['tried']} kept, {share:.2%}; the slowest took {slowest:.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *map(Path, sys.argv[2:3]))
