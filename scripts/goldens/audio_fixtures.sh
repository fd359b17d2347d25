#!/usr/bin/env bash
# Writes the sound files of crates/features/tests/fixtures with ffmpeg 5.1 (Debian 12): a 0.4 s sweep from 300 to 1100 Hz at
# half of full scale, in every format that is decoded and in some that are refused; and levels_*, the same sweep quiet, loud
# and silent, in codecs that `tests/levels.rs` measures, with what ffmpeg decodes from the lossy ones in
# crates/features/tests/goldens. The tests know the formulas. opusenc of opus-tools 0.2 writes what ffmpeg cannot.
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
make g726.wav 8000 0.5 -c:a adpcm_g726 -b:a 16k
ffmpeg -hide_banner -loglevel error -y -i mono.mp3 -c:a copy -fflags +bitexact mp3.wav

# levels FILE N CHANNELS OPTION...: N samples of the sweep at 0.003 of full scale, N at 0.99, N of silence; the right channel
# of two has them in another order.
levels() {
    local sweep="sin(2*PI*(300*t+1000*t*t))"
    local left="$sweep*if(lt(n,$2),0.003,if(lt(n,2*$2),0.99,0))"
    local right="$sweep*if(lt(n,$2),0,if(lt(n,2*$2),-0.8,0.01))"
    local channels="$left"
    if [ "$3" = 2 ]; then channels="$left|$right"; fi
    ffmpeg -hide_banner -loglevel error -y -f lavfi -i "aevalsrc='$channels':s=8000:d=$(awk "BEGIN { print 3 * $2 / 8000 }")" \
        -map_metadata -1 -fflags +bitexact -flags:a +bitexact "${@:4}" "levels_$1"
}
# lossy FILE N CHANNELS OPTION...: the same, with what ffmpeg decodes as 16-bit samples.
lossy() {
    levels "$@"
    ffmpeg -hide_banner -loglevel error -y -i "levels_$1" -f s16le "../goldens/levels_${1/./_}.s16"
}
for n in 1 2; do
    lossy ima_$n.wav 400 $n -c:a adpcm_ima_wav -block_size 128
    lossy ms_$n.wav 400 $n -c:a adpcm_ms -block_size 128
    lossy ima4_$n.caf 400 $n -c:a adpcm_ima_qt
done
lossy ima4.aifc 400 1 -c:a adpcm_ima_qt -f aiff
lossy gsm.wav 400 1 -c:a libgsm_ms
for law in mulaw alaw; do
    lossy $law.wav 160 1 -c:a pcm_$law
    levels $law.caf 160 1 -c:a pcm_$law
    levels $law.aifc 160 1 -c:a pcm_$law -f aiff
    levels $law.au 160 1 -c:a pcm_$law
done
for codec in u8 s16le s24le s32le f32le f64le; do levels $codec.wav 160 1 -c:a pcm_$codec; done
for codec in s8 s16be s16le s24be s24le s32be s32le f32be f32le f64be f64le; do
    levels $codec.caf 160 1 -c:a pcm_$codec
done
for codec in s8 s16be s24be s32be; do levels $codec.aiff 160 1 -c:a pcm_$codec; done
for codec in s16le f32be f64be; do levels $codec.aifc 160 1 -c:a pcm_$codec -f aiff; done
for codec in s8 s16be s24be s32be f32be f64be; do levels $codec.au 160 1 -c:a pcm_$codec; done
levels 16.flac 160 1 -c:a flac -sample_fmt s16
levels 24.flac 160 1 -c:a flac -sample_fmt s32 -bits_per_raw_sample 24
levels 16.m4a 160 1 -c:a alac -sample_fmt s16p
levels 24.m4a 160 1 -c:a alac -sample_fmt s32p -bits_per_raw_sample 24
levels alac.caf 160 1 -c:a alac -sample_fmt s16p

# codec NAME.EXTENSION RATE CHANNELS DECODER OPTION...: 0.15 s each of the sweep at 0.9, at 0.009 and of silence (the right of
# two channels is half as loud), and the channels' mean of what ffmpeg decodes from it, as 32-bit floats, 2000 of them a second.
codec() {
    local left="sin(2*PI*(300*t+1000*t*t))*if(lt(t,0.15),0.9,if(lt(t,0.3),0.009,0))"
    local channels="$left" mean="c0=c0"
    if [ "$3" = 2 ]; then channels="$left|0.5*$left" mean="c0=0.5*c0+0.5*c1"; fi
    ffmpeg -hide_banner -loglevel error -y -f lavfi -i "aevalsrc='$channels':s=$2:d=0.45" \
        -map_metadata -1 -fflags +bitexact -flags:a +bitexact "${@:5}" "codec_$1"
    golden "codec_$1" "$4" "$mean" $(($2 / 2000))
}
# golden FILE DECODER MIX N: every Nth sample of the mix of what ffmpeg decodes from it, as 32-bit floats.
golden() {
    ffmpeg -hide_banner -loglevel error -y -c:a "$2" -request_sample_fmt flt -i "$1" -af "pan=mono|$3" -f f32le "$1.decoded"
    python3 - "$1.decoded" "../goldens/${1/./_}.f32" "$4" <<'PYTHON'
import array, sys
samples = array.array("f", open(sys.argv[1], "rb").read())
open(sys.argv[2], "wb").write(samples[:: int(sys.argv[3])].tobytes())
PYTHON
    rm "$1.decoded"
}
codec mono.mp3 16000 1 mp3float -c:a libmp3lame -b:a 48k
codec stereo.mp3 48000 2 mp3float -c:a libmp3lame -b:a 96k
codec mono.mp2 32000 1 mp2float -c:a mp2 -b:a 64k
codec stereo.mp2 24000 2 mp2float -c:a mp2 -b:a 64k
codec mono.ogg 16000 1 vorbis -c:a libvorbis
codec stereo.webm 48000 2 vorbis -c:a libvorbis
codec mono.m4a 16000 1 aac -c:a aac -b:a 48k -movflags +faststart
codec stereo.m4a 48000 2 aac -c:a aac -b:a 96k
codec fragments.mp4 16000 1 aac -c:a aac -b:a 48k -movflags frag_keyframe+empty_moov
codec silk.ogg 48000 1 libopus -ar 16000 -c:a libopus -b:a 16k -application voip
codec hybrid.ogg 48000 1 libopus -c:a libopus -b:a 28k -application voip -page_duration 60000
codec silk_stereo.webm 48000 2 libopus -ar 12000 -c:a libopus -b:a 24k -application voip -frame_duration 60
codec hybrid_stereo.mka 48000 2 libopus -c:a libopus -b:a 32k -application voip
codec celt.webm 48000 1 libopus -c:a libopus -b:a 64k -application lowdelay
codec celt_stereo.ogg 48000 2 libopus -c:a libopus -b:a 96k -frame_duration 10
codec opus.mp4 48000 1 libopus -c:a libopus -b:a 32k

# pauses FILE OPTION...: the sweep at half of full scale with a pause from 0.4 to 1.3 s, in noise at 0.01, encoded by opusenc
# with discontinuous transmission (control 4016), which leaves out most of the pause; and what ffmpeg decodes from it, 1000
# samples a second.
pauses() {
    local sound="0.5*sin(2*PI*(300*t+1000*t*t))*not(between(t,0.4,1.3))+0.01*(2*random(0)-1)"
    ffmpeg -hide_banner -loglevel error -y -f lavfi -i "aevalsrc='$sound':s=48000:d=1.7" -map_metadata -1 -fflags +bitexact \
        -f wav - | opusenc --quiet --serial 1 --set-ctl-int 4016=1 --speech "${@:2}" - "pauses_$1"
    golden "pauses_$1" libopus "c0=c0" 48
}
pauses silk.ogg --bitrate 10
# Packets of three frames, some or all of them left out.
pauses hybrid.ogg --bitrate 24 --framesize 60
