"""Uses the service's page in headless Chromium and fails if something is wrong with it.

    venv/bin/python scripts/checks/page_check.py target/release/wail-serve MODEL [--pictures DIR]

On a phone and on a desktop, in light and in dark: drops a file, records from the microphone (Chromium's fake one, which plays a WAV file)
with the keyboard, drops a file that is not audio, enters access tokens, and opens the page without HTTPS. Console errors, requests to other
hosts, horizontal scrolling and findings of axe-core are problems. Then, once: recordings one after the other, which must turn the microphone
off; files as browsers and telephones make them; silence. Then opens /docs and /redoc. Redoc asks another host for its logo; the content
policy blocks that. --pictures keeps screenshots. Needs Chromium (Debian: apt-get install chromium).
"""

import array
import base64
import io
import pathlib
import re
import sys
import tempfile
import wave

from playwright.sync_api import expect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import browser, command_line, voice
from wail_scripts.service import running

INK = """id => {
    const canvas = document.getElementById(id);
    return new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
}"""
# In base64, since a list of a million numbers takes half a minute to reach the browser.
DROP = """([name, base64]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""
# Highest level of the meter in 1.5 s, the period of the sound.
LOUDEST = """async () => {
    let loudest = 0;
    for (let i = 0; i < 30; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        loudest = Math.max(loudest, document.getElementById("level").value);
    }
    return loudest;
}"""
# Keeps all tracks of the microphone that the page asks for.
KEEP_TRACKS = """
window.tracks = [];
const devices = navigator.mediaDevices;
const getUserMedia = devices.getUserMedia.bind(devices);
devices.getUserMedia = async (constraints) => {
    const stream = await getUserMedia(constraints);
    window.tracks.push(...stream.getTracks());
    return stream;
};"""
TRACKS = "window.tracks.map((track) => track.readyState)"
# Two seconds of the microphone as the browser's own recorder writes them: Opus in WebM.
MEDIA_RECORDER = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const recorder = new MediaRecorder(stream, { mimeType: "audio/webm;codecs=opus" });
    const written = new Promise((resolve) => { recorder.ondataavailable = ({ data }) => resolve(data); });
    recorder.start();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    recorder.stop();
    const bytes = await (await written).arrayBuffer();
    stream.getTracks().forEach((track) => track.stop());
    return [...new Uint8Array(bytes)];
}"""
# Another name for this machine, at which Chromium takes a page over HTTP for insecure.
OTHER_HOST = "wail.test"
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "crates/features/tests/fixtures"
VERDICT = re.compile("Yes, this is a crying baby|probably a crying baby|may be a crying baby|does not sound like|cannot tell whether")


def sound(path, seconds=7, cries=((0, 7),)):
    """Writes cries from each start to its end, and silence."""
    cry = voice.cry()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(voice.RATE)
        is_crying = [any(start <= i / voice.RATE < end for start, end in cries) for i in range(seconds * voice.RATE)]
        file.writeframes(array.array("h", [cry[i % len(cry)] if crying else 0 for i, crying in enumerate(is_crying)]).tobytes())


class Watched(browser.Watched):
    """The page that takes a recording."""

    def drop(self, name, content):
        self.page.evaluate(DROP, [name, base64.b64encode(content).decode()])

    def expect_answer(self):
        expect(self.page.locator("#result")).to_be_visible(timeout=60000)
        expect(self.page.locator("#status")).to_have_text("Done.", timeout=60000)
        expect(self.page.locator("#verdict")).to_have_text(VERDICT)


def check_page(chromium, url, recording, pictures):
    """The problems of the page, as a list of texts."""
    problems = []
    for screen, page in browser.screens(chromium, permissions=["microphone"], base_url=url):
        watched = Watched(screen, page, url, pictures, problems, "400 (Bad Request)")
        report, inspect = watched.report, watched.inspect
        expect(page.get_by_text("not a medical device")).to_be_visible()
        inspect("start")

        watched.drop("cry.wav", recording.read_bytes())
        watched.expect_answer()
        expect(page.locator("#score")).to_have_text(re.compile(r"^Cry score \d+ of 100"))
        expect(page.locator("#reason")).not_to_be_empty()
        expect(page.locator("#episodes")).to_be_hidden()
        shares = [float(text.split()[0]) for text in page.locator("#bars .share span").all_text_contents()]
        if abs(sum(shares) - 100) > 0.5 or shares != sorted(shares, reverse=True):
            report(f"shares {shares}")
        for picture in ["waveform", "spectrogram"]:
            if page.evaluate(INK, picture) < 2:
                report(f"the {picture} is empty")
        for axis in page.locator(".axis").all():
            if (labels := axis.locator("span").all_text_contents()) != [f"{second} s" for second in range(8)]:
                report(f"time axis {labels}")
        inspect("dropped")

        if not page.locator("#bars").is_visible():
            page.locator("summary").click()
        before = page.evaluate(INK, "spectrogram")
        page.get_by_role("button", name="Why this answer?").click()
        expect(page.locator("#because")).to_contain_text(re.compile("depends most on|No single part"), timeout=60000)
        if page.evaluate(INK, "spectrogram") == before:
            report("the explanation is not drawn")
        inspect("explained")

        page.locator("#file").focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Stop")).to_be_focused()
        expect(page.locator("#status")).to_contain_text("Recording, 2 of 7", timeout=20000)
        if (level := page.evaluate(LOUDEST)) < 0.5:
            report(f"the level meter reaches {level}")
        inspect("recording")
        page.keyboard.press("Enter")
        watched.expect_answer()
        if page.evaluate(INK, "spectrogram") < 100:
            report("the microphone gave silence")
        inspect("recorded")

        watched.drop("song.txt", b"this is not audio")
        expect(page.get_by_role("alert")).to_have_text(re.compile("^This file cannot be read as sound"), timeout=20000)
        expect(page.locator("#result")).to_be_hidden()
        inspect("error")
    return problems


def check_microphone(chromium, url):
    """Problems of recordings one after the other: whatever ends a recording turns the microphone off."""
    problems = []
    page = chromium.new_page(permissions=["microphone"], base_url=url)
    page.add_init_script(KEEP_TRACKS)
    watched = Watched("microphone", page, url, None, problems)
    for n_recordings in [1, 2]:
        page.evaluate("record.click(), record.click()")  # before the browser answers
        expect(page.locator("#status")).to_contain_text("Recording, 1 of 7", timeout=20000)
        page.get_by_role("button", name="Stop").click()
        watched.expect_answer()
        if (states := page.evaluate(TRACKS)) != ["ended"] * n_recordings:
            watched.report(f"tracks after {n_recordings} recordings: {states}")
    page.get_by_role("button", name="Record").click()
    expect(page.locator("#status")).to_contain_text("Recording, 1 of 7", timeout=20000)
    watched.drop("aac.m4a", (FIXTURES / "aac.m4a").read_bytes())  # small, so that it is there before the recording ends by itself
    if (states := page.evaluate(TRACKS)) != ["ended"] * 3:
        watched.report(f"tracks after a file replaced a recording: {states}")
    watched.expect_answer()
    page.evaluate("() => void (AudioWorklet.prototype.addModule = () => Promise.reject(new Error('no module')))")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_have_text("The microphone cannot be used. Choose a file.")
    if (states := page.evaluate(TRACKS)) != ["ended"] * 4:
        watched.report(f"tracks after a recording that did not start: {states}")
    page.evaluate("() => void (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')))")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("^The microphone is blocked"))
    page.close()
    return problems


def check_files(chromium, url):
    """Problems with what browsers and telephones record, and with silence."""
    problems = []
    page = chromium.new_page(permissions=["microphone"], base_url=url)
    watched = Watched("files", page, url, None, problems)
    files = {"recorder.webm": bytes(page.evaluate(MEDIA_RECORDER))}
    files |= {name: (FIXTURES / name).read_bytes() for name in ["codec_silk_stereo.webm", "codec_mono.ogg", "aac.m4a", "codec_mono.mp3"]}
    for name, content in files.items():
        watched.drop(name, content)
        watched.expect_answer()
        expect(page.locator("#pictures")).to_be_visible()
    with io.BytesIO() as silence:
        with wave.open(silence, "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", None))
            file.writeframes(bytes(2 * 7 * 8000))
        watched.drop("silence.wav", silence.getvalue())
    watched.expect_answer()
    expect(page.locator("#verdict")).to_have_text("No, this does not sound like a crying baby.")
    expect(page.locator("#warnings")).to_contain_text("the recording is silent")
    expect(page.locator("#reason")).to_be_empty()
    expect(page.locator("#guesses")).to_be_hidden()
    page.close()
    return problems


def check_long(chromium, url, pictures):
    """Problems with recordings that are longer than a clip."""
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        night, silence = (pathlib.Path(folder) / name for name in ["night.wav", "silence.wav"])
        sound(night, 90, [(10, 25), (60, 70)])
        sound(silence, 20, [])
        for screen, page in browser.screens(chromium, base_url=url):
            watched = Watched(screen, page, url, pictures, problems)
            watched.drop("night.wav", night.read_bytes())
            watched.expect_answer()
            expect(page.locator("#score")).to_have_text(re.compile("^It cries 2 times, for 0:2[0-9] of 1:30 minutes:"))
            times = [re.findall(r"\d:\d\d", text) for text in page.locator("#episodes li").all_text_contents()]
            seconds = [[60 * int(time[0]) + int(time[2:]) for time in of_episode] for of_episode in times]
            if any(abs(found - true) > 2 for found, true in zip(sum(seconds, []), [10, 25, 60, 70], strict=True)):
                watched.report(f"episodes {times}")
            expect(page.locator("#reason")).not_to_be_empty()
            watched.inspect("episodes")
            watched.drop("silence.wav", silence.read_bytes())
            expect(page.locator("#score")).to_have_text("No crying in 0:20 minutes.", timeout=60000)
            expect(page.locator("#verdict")).to_have_text("No, this does not sound like a crying baby.")
    return problems


def check_token(chromium, url, token, recording, pictures):
    """Problems with a service that needs an access token."""
    problems = []
    for screen, page in browser.screens(chromium, base_url=url):
        watched = Watched(screen, page, url, pictures, problems, "401 (Unauthorized)")
        watched.drop("cry.wav", recording.read_bytes())
        expect(page.get_by_role("alert")).to_have_text("This service needs an access token. Please enter it.")
        expect(page.get_by_label("Access token")).to_be_focused()
        watched.inspect("token")
        for wrong in ["wrong", "fälsch"]:
            page.get_by_label("Access token").fill(wrong)
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert")).to_have_text("This access token is wrong. Please check it.")
        page.get_by_label("Access token").fill(f" {token} ")
        page.keyboard.press("Enter")
        watched.expect_answer()
        expect(page.get_by_label("Access token")).to_be_hidden()
    return problems


def check_insecure(chromium, url, recording, pictures):
    """Problems with the page over HTTP from another host, where browsers do not record."""
    problems = []
    url = url.replace("127.0.0.1", OTHER_HOST)
    for screen, page in browser.screens(chromium, base_url=url):
        watched = Watched(screen, page, url, pictures, problems)
        expect(page.get_by_text("Browsers record only over HTTPS")).to_be_visible()
        expect(page.get_by_role("button", name="Record")).to_be_hidden()
        watched.inspect("insecure")
        watched.drop("cry.wav", recording.read_bytes())
        watched.expect_answer()
    return problems


def check_documents(chromium, url):
    """The problems of /docs and /redoc."""
    problems = []
    blocked = "https://cdn.redoc.ly/redoc/logo-mini.svg"
    for path in ["/docs", "/redoc"]:
        page = chromium.new_page(base_url=url)
        page.on("console", lambda m: m.type == "error" and blocked not in m.text and problems.append(f"{path}: console: {m.text}"))
        page.on("response", lambda r: r.url.startswith((url, "data:", "blob:")) or problems.append(f"{path}: loads {r.url}"))
        page.goto(path)
        expect(page.get_by_text("Classify one recording").first).to_be_visible(timeout=30000)
        page.close()
    return problems


def main():
    parser = command_line.parser(__doc__, "serve", "model")
    parser.add_argument("--pictures", type=pathlib.Path)
    args = parser.parse_args()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        recording = pathlib.Path(folder) / "cry.wav"
        sound(recording)
        token = pathlib.Path(folder) / "token"
        token.write_text("s3cret")
        options = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", f"--host-resolver-rules=MAP {OTHER_HOST} 127.0.0.1"]
        options.append(f"--use-file-for-fake-audio-capture={recording}")
        with (
            running(args.serve, args.model) as (_, url),
            running(args.serve, args.model, "--token-file", token) as (_, url_with_token),
            browser.chromium(*options) as chromium,
        ):
            problems = {
                "the page": check_page(chromium, url, recording, args.pictures),
                "the microphone": check_microphone(chromium, url),
                "files": check_files(chromium, url),
                "long recordings": check_long(chromium, url, args.pictures),
                "the access token": check_token(chromium, url_with_token, token.read_text(), recording, args.pictures),
                "without HTTPS": check_insecure(chromium, url, recording, args.pictures),
                "/docs and /redoc": check_documents(chromium, url),
            }
    browser.finish(problems)


if __name__ == "__main__":
    main()
