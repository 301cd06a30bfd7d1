"""What an error of a batch says: that the database refused it because of a row, or that it was not reached."""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError


def is_about_rows(error: BaseException) -> bool:
    """Tell whether the database refused the statement because of one row, and can be asked again for the others.

    An error that PostgreSQL itself sent has a state; that of a broken connection, or of none, has not.
    """
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    return bool(getattr(error.orig, "sqlstate", None))


def is_about_the_connection(error: BaseException) -> bool:
    """Tell whether the database did not answer: the same may be written on another connection."""
    return isinstance(error, SQLAlchemyError) and not is_about_rows(error)
