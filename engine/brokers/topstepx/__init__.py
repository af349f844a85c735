"""TopStepX: futures at a prop firm, over ProjectX's REST interface and its hubs."""

from engine.brokers.topstepx.broker import Topstepx as Topstepx
