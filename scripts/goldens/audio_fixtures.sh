#!/usr/bin/env bash
# Writes the sound files of crates/features/tests/fixtures with ffmpeg 5.1 (Debian 12): a 0.4 s sweep from 300 to 1100 Hz at
# half of full scale, in every format that is decoded and in some that are refused. The tests know its formula.
set -euo pipefail
cd "$(dirname "$0")/../../crates/features/tests"
mkdir -p fixtures
cd fixtures

# make FILE RATE CHANNEL_GAINS OPTION...: the sweep times each gain ("0.5|0.1" is stereo).
make() {
    local sweep="sin(2*PI*(300*t+1000*t*t))"
    local channels="${3//|/*$sweep|}*$sweep"
    ffmpeg -hide_banner -loglevel error -y -f lavfi -i "aevalsrc=$channels:s=$2:d=0.4" \
        -map_metadata -1 -fflags +bitexact -flags:a +bitexact "${@:4}" "$1"
}

for codec in u8 s16le s24le s32le f32le f64le mulaw; do
    make "pcm_$codec.wav" 8000 0.5 -c:a "pcm_$codec"
done
make adpcm_ms.wav 8000 0.5 -c:a adpcm_ms
make extensible_4_channels.wav 8000 "0.5|0.25|0.125|-0.375" -c:a pcm_s16le
make pcm_s16le.caf 8000 0.5 -c:a pcm_s16le
make mono.flac 8000 0.5 -c:a flac -sample_fmt s16
make stereo.flac 8000 "0.5|-0.25" -c:a flac -sample_fmt s16
make alac.m4a 8000 0.5 -c:a alac -sample_fmt s16p
make aac.m4a 16000 0.5 -c:a aac -b:a 48k
make aac.aac 16000 0.5 -c:a aac -b:a 48k -f adts
make vorbis.ogg 16000 0.5 -c:a libvorbis
make mono.mp3 16000 0.5 -c:a libmp3lame -b:a 48k
make stereo.mp3 44100 "0.5|0.25" -c:a libmp3lame -b:a 96k
# Refused.
make opus.ogg 48000 0.5 -c:a libopus -b:a 24k
make opus.webm 48000 0.5 -c:a libopus -b:a 24k
make wma2.wma 16000 0.5 -c:a wmav2 -b:a 32k
# AMR narrow-band: its signature and 20 silent frames of 12.2 kbit/s, for which Debian has no encoder.
{ printf '#!AMR\n'; for _ in {1..20}; do printf '\x3c'; head -c 31 /dev/zero; done; } >amr.amr
