# The last stage is the image of the worker, the model pull and the command line.

# Flower with the workers' own Celery. It has an image of its own here because kombu's Redis
# transport imports `packaging`, which neither Flower nor kombu installs by itself.
FROM python:3.12-slim AS flower
COPY constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt \
    "flower>=2.2,<2.3" "celery>=5.7,<5.8" "redis>=7,<9" packaging
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin flower
USER flower
WORKDIR /home/flower
ENTRYPOINT ["celery", "flower"]

FROM python:3.12-slim AS build
RUN python -m venv /opt/copydesk
ENV PATH=/opt/copydesk/bin:$PATH
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY configs configs
COPY worker worker
COPY cli cli
# The constraints keep torch at the CPU build; without them pip may fetch gigabytes of CUDA.
RUN pip install --no-cache-dir -c constraints.txt .

FROM python:3.12-slim
COPY --from=build /opt/copydesk /opt/copydesk
# A volume that is mounted here starts with this owner.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin copydesk \
 && install --directory --owner=copydesk --group=copydesk /var/lib/copydesk/models
ENV PATH=/opt/copydesk/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    COPYDESK_HOME=/var/lib/copydesk
USER copydesk
WORKDIR /home/copydesk
ENTRYPOINT ["copydesk"]
