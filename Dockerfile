# The bot in a container. On a CPU:  docker build -t neural-songwriter .
# On an NVIDIA GPU:                  docker build --build-arg GPU=1 -t neural-songwriter:gpu .
# No secret is needed to build it, and none is in it: the token comes when it runs.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG GPU=0
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv --without-pip /opt/songwriter
ENV PATH=/opt/songwriter/bin:$PATH
# What is largest and changes least comes first. On a CPU there is no PyTorch.
RUN if [ "$GPU" = 1 ]; then /usr/local/bin/pip --python /opt/songwriter install torch torchvision timm; fi
WORKDIR /src
COPY LICENSE README.md pyproject.toml ./
COPY bot bot
COPY model model
COPY training training
COPY data data
RUN if [ "$GPU" = 1 ]; then extra='[gpu]'; fi; \
    /usr/local/bin/pip --python /opt/songwriter install ".${extra}"

FROM python:${PYTHON}-slim
ARG GPU=0
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin songwriter \
    && install -d -m 0700 -o songwriter -g songwriter /data
COPY --from=build /opt/songwriter /opt/songwriter
# The image's size, and for a CPU no more than this.
RUN size=$(du -xsm / | cut -f1); echo "The image has $size MB."; [ "$GPU" = 1 ] || [ "$size" -le 500 ]
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
