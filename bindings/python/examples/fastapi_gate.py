"""A service that starts images only if the policy allows them: `uvicorn fastapi_gate:app`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import verimage
from fastapi import Depends, FastAPI, HTTPException, Request


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with verimage.Verimage(os.environ["POLICY"]) as engine:
        app.state.verimage = engine
        yield


app = FastAPI(lifespan=lifespan)


async def admitted(image: str, request: Request) -> verimage.Verdict:
    """The verdict on `?image=…`; 403 if the image is denied, 503 if nobody knows, 422 if it is no image."""
    engine: verimage.Verimage = request.app.state.verimage
    try:
        return (await engine.averify(image)).require()
    except verimage.Inconclusive as error:
        raise HTTPException(503, {"code": error.code, "message": error.verdict.message}) from error
    except verimage.Denied as error:
        raise HTTPException(403, {"code": error.code, "message": error.verdict.message}) from error
    except verimage.ImageReferenceError as error:
        raise HTTPException(422, {"code": error.code, "message": error.message}) from error


@app.post("/start")
async def start(verdict: Annotated[verimage.Verdict, Depends(admitted)]) -> dict[str, str | None]:
    """Starts the digest that was judged, never the tag."""
    return {"started": verdict.digest}
