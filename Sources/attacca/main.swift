import Foundation
import SwitchEngine
import Simulation
import TransportStream
// quick driver
let a = CommandLine.arguments
var inputs: [InputConfiguration] = []
var sources: [Rehearsal.Source] = []
var script: [RehearsalEvent] = []
var out = "/tmp/out.ts"
var config = ChannelConfiguration(inputs: [])
var i = 1
while i < a.count {
  switch a[i] {
  case "-i":
    let parts = a[i+1].split(separator: "@")
    let h = FileHandle(forReadingAtPath: String(parts[0]))!
    let d = parts.count > 1 ? Int64(parts[1])! * 1_000_000 : 0
    inputs.append(InputConfiguration(name: "in\(inputs.count)"))
    sources.append(.init(delay: d) { b in if let x = try? h.read(upToCount: 1<<18) { b.append(contentsOf: x) } })
  case "-o": out = a[i+1]
  case "-H": config.holdBack = Int64(a[i+1])! * 1_000_000
  case "-m": config.muxRate = Int64(a[i+1])!
  case "-r": config.returning = .after(nanoseconds: Int64(a[i+1])! * 1_000_000)
  case "-e":
    let p = a[i+1].split(separator: ":").map(String.init)
    let t = Int64(Double(p[0])! * 1e9)
    let id = InputID(Int(p[2])!)
    switch p[1] { case "drop": script.append(.init(time: t, action: .drop(id)))
    case "restore": script.append(.init(time: t, action: .restore(id)))
    case "loss": script.append(.init(time: t, action: .loss(id, perMillion: Int(p[3])!, seed: 1)))
    default: script.append(.init(time: t, action: .switchTo(id))) }
  default: break }
  i += 2
}
config.inputs = inputs
var r = Rehearsal(config, sources: sources, script: script)
FileManager.default.createFile(atPath: out, contents: nil)
let oh = FileHandle(forWritingAtPath: out)!
var more = true
var outBuf: [UInt8] = []
while more {
  more = r.step()
  r.engine.drain { b, _ in b.withUnsafeBufferPointer { outBuf.append(contentsOf: $0) } }
  if outBuf.count > 1<<20 || !more { oh.write(Data(outBuf)); outBuf.removeAll(keepingCapacity: true) }
  for e in r.engine.takeEvents() { print(String(format: "%.3f", Double(r.now.nanoseconds)/1e9), e) }
}
for k in inputs.indices { print(r.engine.status(of: InputID(k))) }
