# Rasa with a model that fits its data: docker build --platform linux/amd64 -f deploy/bot.Dockerfile -t dragoman-bot:0.1.0 .
# TensorFlow 2.12 for processors without a graphics card exists for x86-64 alone.
# Nothing is written outside /tmp: the root file system may be read-only.

FROM python:3.10-slim-bookworm AS build
RUN python -m venv /opt/venv
COPY requirements/bot-run.txt requirements/bot-run.txt
# Four packages come as sources; all are Python alone, so no compiler is needed.
# The lock is complete, and pip must not look for what it leaves out on purpose (tensorflow, jax: pyproject.toml).
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/bot-run.txt
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    RASA_TELEMETRY_ENABLED=false \
    TF_CPP_MIN_LOG_LEVEL=3 \
    HF_HUB_OFFLINE=1
WORKDIR /app
# The model is named after a hash of what it was trained on, the lock file included.
COPY requirements/bot.txt requirements/bot.txt
COPY config.yml config.yml
COPY models/encoder models/encoder
COPY data data
COPY telemetry telemetry
COPY locales locales
COPY bot bot
RUN python -m bot.train && python -m locales.catalogue && python -m compileall -q bot locales telemetry

FROM python:3.10-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin dragoman
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    RASA_TELEMETRY_ENABLED=false \
    TF_CPP_MIN_LOG_LEVEL=3 \
    HF_HUB_OFFLINE=1
WORKDIR /app
COPY deploy/probe.py ./
COPY --from=build /app/data/shop.yml data/shop.yml
COPY --from=build /app/data/knowledge data/knowledge
COPY --from=build /app/models models
COPY --from=build /app/telemetry telemetry
COPY --from=build /app/locales locales
COPY --from=build /app/bot bot
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
ENV PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib
EXPOSE 5005
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s CMD ["python", "probe.py", "5005", "/webhooks/service/"]
# Every address is its own inside a container; the port is never published.
CMD ["python", "-W", "ignore", "-m", "rasa", "run", "--model", "models/rasa", \
     "--endpoints", "bot/endpoints.yml", "--credentials", "bot/credentials.yml", \
     "--interface", "0.0.0.0", "--port", "5005"]
