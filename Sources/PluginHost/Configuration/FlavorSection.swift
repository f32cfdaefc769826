/// `[flavor NAME]`: a named size.
public struct FlavorSection: Sendable, Equatable {
    public var name: String
    public var location: SourceLocation
    public var cpus: Double
    public var memoryMiB: Int
    public var diskGiB: Int
    /// The section itself, for further resources.
    public var section: Section
}

/// `[image NAME]`: what the image is called at each provider; the value goes verbatim into `spec.image`.
public struct ImageSection: Sendable, Equatable {
    public var name: String
    public var location: SourceLocation
    public var values: [String: String]
}
