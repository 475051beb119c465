// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors where landings are judged; a newer compiler's new warnings stop nobody else.
let isJudged = Context.environment["CI"] != nil
let strict: [SwiftSetting] =
    [.swiftLanguageMode(.v6)] + (isJudged ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
    name: "attacca",
    products: [
        .executable(name: "attacca", targets: ["attacca"]),
        .executable(name: "attacca-media", targets: ["attacca-media"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    targets: [
        .target(name: "TransportStream", swiftSettings: strict),
        .target(name: "Packaging", dependencies: ["TransportStream"], swiftSettings: strict),
        .target(name: "Conformance", dependencies: ["TransportStream"], swiftSettings: strict),
        .target(name: "RTMP", dependencies: ["TransportStream"], swiftSettings: strict),
        .target(name: "SwitchEngine", dependencies: ["TransportStream"], swiftSettings: strict),
        .target(
            name: "Simulation", dependencies: ["TransportStream", "SwitchEngine", "Conformance"],
            swiftSettings: strict),
        .systemLibrary(
            name: "CSRT", pkgConfig: "srt", providers: [.apt(["libsrt-openssl-dev"])]),
        .systemLibrary(
            name: "CLibAV",
            pkgConfig: "libavformat libavcodec libavfilter libavutil libswscale libswresample",
            providers: [.apt(["libavformat-dev", "libavfilter-dev"])]),
        .target(name: "MediaJobs", swiftSettings: strict),
        // Nothing else is linked with libav: it would bring a second libsrt beside that of SRT
        // links.
        .executableTarget(
            name: "attacca-media", dependencies: ["CLibAV", "MediaJobs"], swiftSettings: strict),
        .target(name: "CSockets"),
        .target(name: "CMapping"),
        .target(
            name: "SwitchIO",
            dependencies: [
                "TransportStream", "Packaging", "RTMP", "SwitchEngine", "CSRT", "CSockets",
                "CMapping", "MediaJobs",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: strict),
        .target(
            name: "ControlPlane",
            dependencies: [
                "MediaJobs", "Packaging", "SwitchEngine", "SwitchIO",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "attacca",
            dependencies: [
                "TransportStream", "SwitchEngine", "Conformance", "Simulation", "SwitchIO",
                "ControlPlane", "Packaging", "CSockets", "MediaJobs",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: strict),
        .target(name: "StreamContent", path: "Tests/StreamContent", swiftSettings: strict),
        .testTarget(
            name: "TransportStreamTests", dependencies: ["TransportStream"], swiftSettings: strict),
        .testTarget(
            name: "RTMPTests", dependencies: ["RTMP", "TransportStream", "Conformance"],
            swiftSettings: strict),
        .testTarget(
            name: "PackagingTests", dependencies: ["Packaging", "TransportStream"],
            swiftSettings: strict),
        .testTarget(
            name: "ConformanceTests", dependencies: ["Conformance", "TransportStream"],
            swiftSettings: strict),
        .testTarget(
            name: "SwitchEngineTests", dependencies: ["SwitchEngine", "TransportStream"],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation", "Conformance", "SwitchEngine"],
            swiftSettings: strict),
        .testTarget(
            name: "SwitchIOTests",
            dependencies: [
                "SwitchIO", "RTMP", "SwitchEngine", "Packaging", "TransportStream", "Conformance",
                "StreamContent", "MediaJobs",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(
            name: "ControlPlaneTests",
            dependencies: [
                "ControlPlane", "SwitchIO", "SwitchEngine",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(
            name: "CommandTests", dependencies: ["StreamContent", "TransportStream"],
            swiftSettings: strict),
    ]
)
