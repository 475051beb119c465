// What a publisher's commands do (RTMP 1.0 §7.2, and what encoders have sent since FMLE:
// releaseStream, FCPublish, FCUnpublish).

/// A remote call of the peer.
struct SessionCall {
    var name: String
    var transaction: Double
    /// Behind the transaction, the command object first.
    var arguments: [AMFValue]
    /// The message stream it came on.
    var stream: UInt32

    func text(_ index: Int) -> String? {
        index < arguments.count ? arguments[index].string : nil
    }

    func number(_ index: Int) -> Double? {
        index < arguments.count ? arguments[index].number : nil
    }
}

extension ServerSession {
    mutating func take(_ call: SessionCall) -> SessionEvent? {
        switch call.name {
        case "connect": return connect(call)
        case "createStream": return createStream(call)
        case "publish": return publish(call)
        case "play", "play2": return end(.player)
        case "FCUnpublish", "closeStream": return unpublish(call, on: nil)
        case "deleteStream":
            // A number of nonsense is no stream of ours.
            return unpublish(call, on: call.number(1).flatMap { UInt32(exactly: $0) })
        case "releaseStream":
            reply([.string("_result"), .number(call.transaction), .null, .undefined])
        case "FCPublish":
            reply([
                .string("onFCPublish"), .number(0), .null,
                .object([
                    AMFProperty("code", .string("NetStream.Publish.Start")),
                    AMFProperty("description", .string("Ready.")),
                ]),
            ])
        case "_result", "_error", "onStatus": break
        default:
            // Who asked for an answer gets one, and goes on.
            guard call.transaction != 0 else { break }
            reply([.string("_result"), .number(call.transaction), .null, .undefined])
        }
        return nil
    }

    private mutating func connect(_ call: SessionCall) -> SessionEvent? {
        guard case .opened = state else { return end(.commandOrder("connect")) }
        guard let application = call.arguments.first?["app"]?.string else { return end(.command) }
        state = .connected(application: application)
        begin()
        reply([
            .string("_result"), .number(call.transaction),
            .object([
                AMFProperty("fmsVer", .string("FMS/3,5,7,7009")),
                AMFProperty("capabilities", .number(31)), AMFProperty("mode", .number(1)),
            ]),
            .object([
                AMFProperty("level", .string("status")),
                AMFProperty("code", .string("NetConnection.Connect.Success")),
                AMFProperty("description", .string("Connected.")),
                AMFProperty("objectEncoding", .number(0)),
                // Enhanced RTMP: what may come besides H.264 and AAC.
                AMFProperty("fourCcList", .array([.string("avc1"), .string("hvc1")])),
            ]),
        ])
        return nil
    }

    private mutating func createStream(_ call: SessionCall) -> SessionEvent? {
        if case .opened = state { return end(.commandOrder("createStream")) }
        guard let stream = createStream() else { return end(.commandOrder("createStream")) }
        reply([.string("_result"), .number(call.transaction), .null, .number(Double(stream))])
        return nil
    }

    private mutating func publish(_ call: SessionCall) -> SessionEvent? {
        guard case .connected(let application) = state else {
            return end(.commandOrder("publish"))
        }
        guard let name = call.text(1) else { return end(.command) }
        let path = StreamPath(application: application, name: name)
        state = .asked(path, stream: call.stream)
        return .publish(path)
    }

    /// - Parameter stream: the one that ends; nil for whichever there is.
    private mutating func unpublish(_ call: SessionCall, on stream: UInt32?) -> SessionEvent? {
        guard case .publishing(let path, let own) = state else { return nil }
        if let stream, stream != own { return nil }
        status("NetStream.Unpublish.Success", "status", "Ended.", on: own)
        state = .connected(application: path.application)
        return .unpublish
    }
}
