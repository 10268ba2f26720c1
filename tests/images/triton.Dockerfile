# Stands in for NVIDIA's Triton image where that cannot be had: the Triton of a wheel, laid out as there.
# It has no CUDA, so it says nothing about GPUs; what is built on it is built as on the real one.
ARG PYTHON_IMAGE=docker.io/library/python:3.12.11-slim-bookworm

FROM ${PYTHON_IMAGE}
COPY deploy/docker/constraints-inference.txt /tmp/constraints.txt
RUN pip install --no-cache-dir --no-deps --constraint /tmp/constraints.txt --target /tmp/wheel nvidia-pytriton \
    && version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') \
    && mv /tmp/wheel/pytriton/tritonserver /opt/tritonserver \
    && mv /tmp/wheel/nvidia_pytriton.libs /opt/tritonserver/lib \
    && mv "/opt/tritonserver/python_backend_stubs/$version/triton_python_backend_stub" /opt/tritonserver/backends/python \
    && rm -r /tmp/wheel /opt/tritonserver/python_backend_stubs \
    && useradd --uid 1000 --user-group --create-home triton-server
ENV PATH=/opt/tritonserver/bin:${PATH} \
    LD_LIBRARY_PATH=/opt/tritonserver/lib
WORKDIR /opt/tritonserver
