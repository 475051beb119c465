// The page that shows the channels to a person: what can be played, in players that the browser
// has. No script, nothing from elsewhere.

import Foundation

enum WebPage {
    static func text(_ channels: [WebChannel]) -> String {
        let parts = channels.flatMap { channel in
            channel.outputs.map { output in
                let way = "/\(path(channel.name))/\(output.name).m3u8"
                let name = channel.outputs.count == 1
                    ? escaped(channel.name) : escaped("\(channel.name) \(output.name)")
                return """
                    <section>
                    <h2>\(name)</h2>
                    <video controls muted playsinline preload="none" src="\(way)"></video>
                    <p><a href="\(way)">\(escaped(way))</a></p>
                    </section>
                    """
            }
        }
        let body = parts.isEmpty
            ? "<p>No channel has an <code>hls:</code> output.</p>" : parts.joined(separator: "\n")
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Attacca</title>
            <style>
            body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
                   padding: 0 1rem; color: #222; background: #fafafa; }
            section { margin-bottom: 2.5rem; }
            h2 { font-weight: 600; margin-bottom: .5rem; }
            video { width: 100%; max-width: 48rem; aspect-ratio: 16 / 9; background: #000; }
            </style>
            </head>
            <body>
            <h1>Attacca</h1>
            \(body)
            </body>
            </html>

            """
    }

    /// A channel's name as a part of a path.
    private static func path(_ name: String) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~")
        return name.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }

    static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;")
            .replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
            .replacingOccurrences(of: "\"", with: "&quot;")
            .replacingOccurrences(of: "'", with: "&#39;")
    }
}
