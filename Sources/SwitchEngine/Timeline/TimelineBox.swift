// The owner of one input's timeline. The timeline is a value, worked on in place; the box lets the
// engine lend it without copying its many parts.

final class TimelineBox {
    var timeline: InputTimeline

    init(program: UInt16?) { timeline = InputTimeline(program: program) }
}
