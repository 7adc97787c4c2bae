"""Questions about assignments, for the API."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.assignment_rows import AssignmentQuestion
from services.registry.domain.views import AssignmentView

_ROWS = f"select {', '.join(AssignmentView.model_fields)} from registry.assignments"
_PAGE = text(
    f"{_ROWS} where account_id > :after and (cast(:state as text) is null or state = :state) "
    "and (cast(:node_id as text) is null or node_id = :node_id or target = :node_id) "
    "order by account_id limit :limit"
)
_ONE = text(f"{_ROWS} where account_id = :account_id")


async def page(
    connection: AsyncConnection, question: AssignmentQuestion, after: str, limit: int
) -> list[AssignmentView]:
    """The assignments that the question asks for, after an account."""
    state = None if question.state is None else question.state.value
    asked = {"node_id": question.node_id, "state": state, "after": after, "limit": limit}
    return [AssignmentView(**row._mapping) for row in await connection.execute(_PAGE, asked)]


async def one(connection: AsyncConnection, account_id: str) -> AssignmentView | None:
    """One assignment."""
    row = (await connection.execute(_ONE, {"account_id": account_id})).one_or_none()
    return None if row is None else AssignmentView(**row._mapping)
