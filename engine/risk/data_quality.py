"""Is what we see of the market good enough to open something on it?"""

from pydantic import field_validator

from engine.domain.order import Intent
from engine.quality import Grade
from engine.risk import Denial, Facts, RiskCheck


class DataQuality(RiskCheck):
    """Deny entries on data of grade D or F (rules 3.13), and while trading is halted (M-10)."""

    stage = 3

    class Settings(RiskCheck.Settings):
        """The worst grade that entries are made on."""

        worst_grade: Grade = Grade.C

        @field_validator("worst_grade")
        @classmethod
        def _never_shut(cls, grade: Grade) -> Grade:
            if grade is Grade.F:
                raise ValueError("must be A, B, C or D: nothing is opened on F")
            return grade

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry. What was never quoted is for data_fresh to refuse."""
        data = facts.data
        if data is None:
            return None
        if data.is_halted:
            detail = f"trading in {intent.symbol} is halted; alert it again when it resumes"
            return Denial(code="data_quality.halted", detail=detail)
        if data.is_quarantined:
            detail = f"{intent.symbol} was of grade F within the last minute: it is set aside"
            return Denial(code="data_quality.quarantined", detail=detail)
        if data.grade > self.settings.worst_grade:
            detail = (
                f"data of {intent.symbol} is of grade {data.grade} ({data.score:.0f} of 100), "
                f"entries need {self.settings.worst_grade}"
            )
            return Denial(code="data_quality.poor", detail=detail)
        return None
