"""The detector: ultralytics YOLO, trained on the classes and selected by the metric that it is given.

The only package here that imports ultralytics (AGPL-3.0). Before it does, everything by which
ultralytics reaches for the network (update checks, fonts, hub, pip installs) is switched off, since
a submission runs without one: this must happen first, so it is done here.
"""

from kaggle_utils.detector.offline import switch_off_network

switch_off_network()
