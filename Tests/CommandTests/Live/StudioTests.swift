// OBS as the publisher, as Debian has it, with nobody before its screen.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct StudioTests {
        static let isThere = ["/usr/bin/obs", "/usr/bin/Xvfb"].allSatisfy {
            FileManager.default.isExecutableFile(atPath: $0)
        }

        /// A home in which OBS finds a profile, a service and a scene, so that it asks nothing: one
        /// question would stand there for ever.
        private func prepare(_ home: String, server: String, key: String) throws {
            let files = [
                "global.ini": """
                [General]
                FirstRun=true
                EnableAutoUpdates=false
                [Basic]
                Profile=Untitled
                ProfileDir=Untitled
                SceneCollection=Untitled
                SceneCollectionFile=Untitled
                """,
                "basic/profiles/Untitled/basic.ini": """
                [General]
                Name=Untitled
                [Video]
                BaseCX=320
                BaseCY=180
                OutputCX=320
                OutputCY=180
                FPSType=0
                FPSCommon=30
                [Output]
                Mode=Simple
                [SimpleOutput]
                VBitrate=500
                StreamEncoder=x264
                UseAdvanced=true
                Preset=ultrafast
                x264Settings=keyint=30
                """,
                "basic/profiles/Untitled/service.json": """
                {"type": "rtmp_custom", "settings":
                {"server": "\(server)", "key": "\(key)", "use_auth": false}}
                """,
                "basic/scenes/Untitled.json": """
                {"name": "Untitled", "current_scene": "Scene", "current_program_scene": "Scene",
                "scene_order": [{"name": "Scene"}], "sources": [
                {"id": "color_source", "versioned_id": "color_source_v3", "name": "Colour",
                "settings": {"color": 4278255360, "width": 320, "height": 180}},
                {"id": "scene", "name": "Scene", "settings":
                {"items": [{"name": "Colour", "id": 1, "visible": true}]}}]}
                """,
            ]
            for (name, text) in files {
                let file = URL(fileURLWithPath: "\(home)/.config/obs-studio/\(name)")
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
                try text.write(to: file, atomically: true, encoding: .utf8)
            }
        }

        /// The hold-back is long because OBS paints by the processor here, and stalls where others
        /// want it too.
        @Test(.enabled(if: isThere, "obs-studio and xvfb are not installed"))
        func whatOBSPublishesIsAStreamWithoutAFault() async throws {
            let workspace = try Workspace()
            let (file, home) = (workspace.path("file.ts"), workspace.path("home"))
            let port = try FreePorts.next()
            let server = "rtmp://127.0.0.1:\(port)/live"
            try prepare(home, server: server, key: "zq9zq9")
            let channel = try Companion(
                try Binary.found.get(),
                ["run", "-i", "obs=\(server)/zq9zq9", "-o", file, "--hold-back", "4s"])
            let number = 9100 + FreePorts.blockNumber
            let display = ":\(number)"
            let screen = try Companion("Xvfb", [display, "-screen", "0", "1600x1000x24"])
            try await channel.untilPortsAreOpen([port])
            try await screen.untilItHas("/tmp/.X11-unix/X\(number)")
            let studio = try Companion(
                "env",
                [
                    "HOME=\(home)", "XDG_RUNTIME_DIR=\(home)", "DISPLAY=\(display)",
                    "LIBGL_ALWAYS_SOFTWARE=1", "obs", "--startstreaming", "--disable-updater",
                    "--multi",
                ])
            try await channel.untilItSays("on air")
            try await pause(9)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try studio.finish(SIGKILL)
            _ = try screen.finish(SIGKILL)
            #expect(status == 0, "\(log)")
            #expect(!log.contains("zq9"), "\(log)")
            let check = try Command.attacca(["check", file])
            #expect(check.status == 0, "\(check.output)\n\(log)")
            // Thirty pictures a second, each 3000 ticks behind the one before it.
            let steps = check.output.split(separator: "\n").first {
                $0.hasPrefix("  0x100  3000 x ")
            }
            let count = steps?.split(separator: " ").last.flatMap { Int($0) } ?? 0
            #expect(count > 200, "\(check.output)")
            let decoded = try Command.run(
                "ffmpeg", ["-v", "warning", "-i", file, "-f", "null", "-"])
            #expect(decoded.errorLines == [])
        }
    }
}
