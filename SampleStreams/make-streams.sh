#!/bin/sh
# Makes the sample streams beside this script, or in the folder given as first argument.
# Further arguments choose streams by name (for instance: make-streams.sh . slate h264-main).
#
# Needs ffmpeg 5.1 with libx264 and libx265. README.md tells how the marks are read.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
[ $# -gt 0 ] && shift
wanted=" $* "

# ---------------------------------------------------------------------------- content

# The block code: 20 by 2 blocks, drawn one pixel per block and then magnified to 16 by 16.
# N is the picture number; $1 is the encoder's identity (1 main, 2 backup, 3 slate).
# Blocks 18 and 19 of each row, and 0 and 1, are fixed, so a reader knows it sees a mark.
marks() {
    check="mod(N*181+$1*53+90,251)"
    first="if(between(X,2,17),mod(floor(N/pow(2,17-X)),2),eq(X,0)+eq(X,19))"
    second="if(between(X,2,4),mod(floor($1/pow(2,4-X)),2),"
    second="$second if(between(X,5,12),mod(floor($check/pow(2,12-X)),2),"
    second="$second if(between(X,13,17),1-mod(floor(N/pow(2,17-X)),2),eq(X,1)+eq(X,18))))"
    echo "24+200*if(eq(Y,0),$first,$second)"
}

# Two textured bands below the code, each made once and then moved by a crop that follows the
# picture number: 2 pixels to the left per picture above, 6 to the right below. Their periods
# are 160 and 96 pixels, so a reader can compute every pixel from the index alone.
upper='128+50*sin(2*PI*X/160)*cos(2*PI*Y/37)+30*sin(2*PI*X/20)*sin(2*PI*Y/24)'
lower='128+45*sin(2*PI*(X/96+Y/74))+30*cos(2*PI*X/16)*cos(2*PI*Y/18)'

# picture RATE COUNT ENCODER CB CR: the lavfi graph of COUNT pictures. The tint (CB, CR) is only
# for people who look at the streams.
picture() {
    still="trim=end_frame=1,loop=-1:1,setpts=N/($1*TB)"
    echo "nullsrc=s=20x2:r=$1,geq=lum='$(marks "$3")':cb=128:cr=128,
          scale=320:32:flags=neighbor[marks];
          nullsrc=s=480x74:r=$1,geq=lum='$upper':cb=$4:cr=$5,$still,
          crop=320:74:'mod(2*n,160)':0[upper];
          nullsrc=s=416x74:r=$1,geq=lum='$lower':cb=$4:cr=$5,$still,
          crop=320:74:'mod(96-mod(6*n,96),96)':0[lower];
          [marks][upper][lower]vstack=inputs=3,trim=end_frame=$2,setsar=1,format=yuv420p" |
        tr -d '\n'
}

# sound RATE SECONDS START SLOW: three tones of known frequency at every moment t (seconds from
# START). The slow one rises 30 Hz per second and tells the time roughly; two saw-tooth sweeps of
# 1 s, half a period apart, rise 1800 Hz per second and tell it finely. The slow tone's amplitude,
# SLOW, tells the encoder: as strong as the sweeps in main and slate, half of that in backup.
sound() {
    t="(t+$3)"
    slow="sin(2*PI*$t*(300+15*$t))"
    early="sin(2*PI*mod($t,1)*(2000+900*mod($t,1)))"
    late="sin(2*PI*mod($t+0.5,1)*(4400+900*mod($t+0.5,1)))"
    mono="$4*$slow+0.2*($early+$late)"
    echo "aevalsrc=exprs='$mono|$mono':s=$1:d=$2:c=stereo"
}

# ---------------------------------------------------------------------------- encoding

# encode NAME RATE COUNT ENCODER AUDIORATE SECONDS OPTIONS...
encode() {
    name=$1 rate=$2 count=$3 encoder=$4 audio=$5 seconds=$6
    shift 6
    case $wanted in
        *" $name "*|"  ") ;;
        *) return 0 ;;
    esac
    case $encoder in
        1) tint="140 118" start=0 slow=0.2 role=Main ;;
        2) tint="112 140" start=0 slow=0.1 role=Backup ;;
        *) tint="128 128" start=40 slow=0.2 role=Slate ;;
    esac
    # shellcheck disable=SC2086
    ffmpeg -nostdin -v warning -y -fflags +bitexact -filter_threads 1 \
        -f lavfi -i "$(picture "$rate" "$count" "$encoder" $tint)" \
        -f lavfi -i "$(sound "$audio" "$seconds" "$start" "$slow")" \
        -map 0:v -map 1:a -flags:v +bitexact -flags:a +bitexact -threads 1 \
        -metadata "service_name=$role" -metadata "service_provider=Samples" \
        "$@" -fflags +bitexact -pcr_period 25 -f mpegts "$out/$name.ts"
    ls -l "$out/$name.ts"
}

# All main streams: PMT PID 0x1000, PIDs 0x100 and 0x101, time base from 0, no null packets, many
# audio frames per PES packet. All backups: everything else, and one audio frame per PES packet.
backup="-mpegts_service_id 7 -mpegts_transport_stream_id 2 -mpegts_pmt_start_pid 0x1f0
        -mpegts_start_pid 0x200 -pes_payload_size 0"

x264() {
    echo "-c:v libx264 -preset medium -profile:v high -x264-params
          scenecut=0:threads=1:aud=1:force-cfr=1:qpmax=36:$1"
}

x265() {
    echo "-c:v libx265 -preset fast -x265-params
          scenecut=0:pools=none:frame-threads=1:repeat-headers=1:aud=1:info=0:log-level=error:$1"
}

# The scene cut threshold is what keeps this encoder from placing I pictures of its own.
mpeg2() { echo "-c:v mpeg2video -bf 2 -sc_threshold 1000000000 -mpv_flags +strict_gop $1"; }

# shellcheck disable=SC2046,SC2086
streams() {
    plain264=bframes=2:b-adapt=0:b-pyramid=none:open-gop=0:ref=2
    encode h264-main 25 900 1 48000 36 -c:a aac -b:a 96k \
        $(x264 "keyint=50:min-keyint=50:$plain264") -b:v 100k -maxrate 200k -bufsize 200k
    encode h264-backup 25 900 2 48000 36 -c:a aac -b:a 112k $backup \
        $(x264 keyint=36:min-keyint=36:bframes=3:b-adapt=0:b-pyramid=normal:open-gop=0:ref=4) \
        -b:v 130k -maxrate 160k -bufsize 160k -muxrate 420k -output_ts_offset 4321
    # 96 pictures and 180 audio frames both last 3.84 s, so the slate can be repeated gaplessly.
    encode slate 25 96 3 48000 3.84 -c:a aac -b:a 96k -frames:a 180 \
        $(x264 "keyint=24:min-keyint=24:$plain264") -b:v 100k -maxrate 200k -bufsize 200k

    encode hevc-main 25 900 1 48000 36 -c:a aac -b:a 96k \
        $(x265 keyint=48:min-keyint=48:open-gop=1:bframes=3:b-adapt=0:b-pyramid=1) -b:v 100k
    encode hevc-backup 25 900 2 48000 36 -c:a aac -b:a 112k $backup \
        $(x265 keyint=40:min-keyint=40:open-gop=0:bframes=4:b-adapt=0:b-pyramid=1) \
        -b:v 110k -maxrate 130k -bufsize 130k -muxrate 380k -output_ts_offset 12000.5

    for sound in mp2:mpeg2 ac3:mpeg2-ac3; do
        base=4000 # Only mpeg2-ac3-backup runs over the end of the 33-bit clock, about 16 s in.
        [ $sound = ac3:mpeg2-ac3 ] && base=95426
        encode ${sound#*:}-main 25 900 1 48000 36 -c:a ${sound%:*} -b:a 96k \
            $(mpeg2 "-g 15") -b:v 150k -maxrate 250k -bufsize 250k
        encode ${sound#*:}-backup 25 900 2 48000 36 -c:a ${sound%:*} -b:a 96k $backup \
            $(mpeg2 "-g 12 -flags:v +bitexact+cgop") -b:v 160k -maxrate 180k -bufsize 180k \
            -muxrate 430k -output_ts_offset $base
    done

    encode ntsc-main 30000/1001 1079 1 44100 36 -c:a aac -b:a 96k \
        $(x264 "keyint=60:min-keyint=60:$plain264") -b:v 100k -maxrate 200k -bufsize 200k
    encode ntsc-backup 30000/1001 1079 2 44100 36 -c:a aac -b:a 112k $backup \
        $(x264 keyint=48:min-keyint=48:bframes=3:b-adapt=0:b-pyramid=normal:open-gop=1:ref=4) \
        -b:v 130k -maxrate 160k -bufsize 160k -muxrate 420k -output_ts_offset 777.7
}

streams
