FROM python:3.12-slim
RUN useradd --create-home --uid 1000 studio
WORKDIR /home/studio/app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
USER studio
ENV PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/tmp/matplotlib
EXPOSE 7860
# A Hugging Face Space gives its name in SPACE_HOST.
CMD ["sh", "-c", "exec python app.py --lan --port 7860 --allowed-host ${SPACE_HOST:-localhost}"]
