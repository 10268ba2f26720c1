# Inference on a GPU: NVIDIA's Triton image with fanscribe's model in it, on CTranslate2's CUDA wheels.
# Those need CUDA 12 and cuDNN 9, which this release of the image has; the first with CUDA 13 is 25.08.
ARG TRITON_IMAGE=nvcr.io/nvidia/tritonserver:25.06-py3
ARG PYTHON_IMAGE=docker.io/library/python:3.12.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY protos protos
COPY libs libs
COPY services services
COPY client client
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${TRITON_IMAGE}
# A virtual environment first in PATH: Triton's Python backend takes the packages of the `python3` that
# it finds there, and the image's own stay as they are.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/fanscribe/python
ENV PATH=/opt/fanscribe/python/bin:${PATH}
COPY deploy/docker/constraints-inference.txt /constraints.txt
# Not mounted, though needed once: buildah 1.28 finds nothing in a stage that it has kept from before.
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --compile --constraint /constraints.txt \
        "fanscribe[inference] @ file://$(ls /wheels/*.whl)"

COPY deploy/docker/triton_server.py /opt/fanscribe/triton_server.py
COPY --chmod=0555 deploy/docker/healthcheck.py /usr/local/bin/healthcheck
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
# Last, since they change with every commit, and layers are kept until something changes.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="fanscribe-inference-gpu" \
      org.opencontainers.image.description="Whisper in Triton Inference Server, on a GPU" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# triton-server, as the image calls it.
USER 1000:1000
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=10s --timeout=5s --start-period=600s CMD ["healthcheck", "http://127.0.0.1:8000/v2/health/ready"]
ENTRYPOINT ["python3", "/opt/fanscribe/triton_server.py"]
