# The service and the action server: docker build -f deploy/app.Dockerfile -t dragoman-app:0.1.0 .
# One image, two commands. Nothing is written outside /tmp: the root file system may be read-only.

FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/venv
COPY requirements/app-run.txt requirements/app-run.txt
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/app-run.txt

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin dragoman
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1
WORKDIR /app
COPY deploy/probe.py alembic.ini ./
COPY data/shop.yml data/shop.yml
COPY data/knowledge data/knowledge
COPY data/demo data/demo
COPY telemetry telemetry
COPY locales locales
COPY actions actions
COPY handoff handoff
# Catalogues and byte code are made now: a container of a read-only image can't keep them.
RUN python -m locales.catalogue && python -m compileall -q /app
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
# Inside a container every address is its own; who may reach it is decided by the networks around it.
ENV DRAGOMAN_HOST=0.0.0.0 \
    DRAGOMAN_ACTIONS_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
EXPOSE 8000 5055
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "probe.py", "8000", "/health"]
# The action server: python -m actions.server
CMD ["python", "-m", "handoff"]
