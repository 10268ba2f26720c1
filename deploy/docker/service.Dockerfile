# An orchestrator or a splitter: docker build --build-arg SERVICE=splitter -f deploy/docker/service.Dockerfile .
# Pin by digest for a release: --build-arg PYTHON_IMAGE=...@sha256:...
ARG PYTHON_IMAGE=docker.io/library/python:3.12.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY protos protos
COPY libs libs
COPY services services
COPY client client
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${PYTHON_IMAGE}
# Debian's updates are wanted: what is pinned is the release. It is one layer for both services: nothing
# before it depends on which.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ffmpeg \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --user-group --no-create-home --shell /usr/sbin/nologin fanscribe

COPY deploy/docker/constraints-services.txt /constraints.txt
# Not mounted, though needed once: buildah 1.28 finds nothing in a stage that it has kept from before.
COPY --from=wheel /wheels /wheels
ARG SERVICE
# Bytecode is compiled here: at run time the file system is read-only. Of faster-whisper only its model of
# Silero is used; what else it needs to run is not, and takes 280 MB.
RUN pip install --no-cache-dir --compile --constraint /constraints.txt \
        "fanscribe[${SERVICE},tracing] @ file://$(ls /wheels/*.whl)" \
    && pip uninstall --yes av ctranslate2 hf-xet huggingface_hub tokenizers

COPY --chmod=0555 deploy/docker/healthcheck.py /usr/local/bin/healthcheck
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SERVICE=${SERVICE}
# Last, since they change with every commit, and layers are kept until something changes.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="fanscribe-${SERVICE}" \
      org.opencontainers.image.description="Turns hours of recorded speech into text: the ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 1000:1000
EXPOSE 50051 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["healthcheck", "http://127.0.0.1:9090/readyz"]
# The shell only names the service; it is replaced, so that SIGTERM reaches Python.
ENTRYPOINT ["/bin/sh", "-c", "exec python3 -m fanscribe.${SERVICE}"]
