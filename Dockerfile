# The bot in a container. On a CPU:  docker build --build-arg CPU_WHEELS=… -t neural-songwriter .
# On an NVIDIA GPU:                  docker build --build-arg GPU=1 -t neural-songwriter:gpu .
# No secret is needed to build it, and none is in it: the token comes when it runs.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG GPU=0
# Without CUDA PyTorch is a tenth of the size: give the index of its CPU-only builds, which
# PyTorch's "Get Started" page names.
ARG CPU_WHEELS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/songwriter
ENV PATH=/opt/songwriter/bin:$PATH
# First what is largest and changes least.
RUN if [ "$GPU" = 1 ] || [ -z "$CPU_WHEELS" ]; then pip install torch torchvision; \
    else pip install --index-url "$CPU_WHEELS" torch torchvision; fi
WORKDIR /src
COPY LICENSE README.md pyproject.toml ./
COPY bot bot
COPY model model
COPY training training
COPY data data
RUN pip install .

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin songwriter \
    && install -d -m 0700 -o songwriter -g songwriter /data
COPY --from=build /opt/songwriter /opt/songwriter
# Every command finds config.toml here; compose.yaml puts yours in its place.
COPY packaging/docker.toml /etc/songwriter/config.toml
WORKDIR /etc/songwriter
# The root file system may be read-only: what is written goes to /data, and to /tmp for a moment.
ENV PATH=/opt/songwriter/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /data
# urlopen raises for 503, and Python then exits with 1. The workers load the models first.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["songwriter"]
CMD ["run"]
