/// A catalog document: what a machine can be made of.
public struct Catalog: Sendable {
    public struct Image: Sendable {
        public var id: String
        public var name: String
        /// Bytes.
        public var size: Int?

        public init(id: String, name: String, size: Int? = nil) {
            self.id = id
            self.name = name
            self.size = size
        }
    }

    public struct Network: Sendable {
        public var id: String
        public var name: String

        public init(id: String, name: String) {
            self.id = id
            self.name = name
        }
    }

    /// A named size of the provider's own.
    public struct Size: Sendable {
        public var id: String
        public var name: String
        public var amounts: Amounts

        public init(id: String, name: String, _ amounts: Amounts) {
            self.id = id
            self.name = name
            self.amounts = amounts
        }
    }

    public var images: [Image]
    public var networks: [Network]
    public var sizes: [Size]

    public init(images: [Image] = [], networks: [Network] = [], sizes: [Size] = []) {
        self.images = images
        self.networks = networks
        self.sizes = sizes
    }

    func write(to writer: inout DocumentWriter) {
        writer.beginObject()
        writer.field("images")
        writer.array(images) { image, writer in
            writer.beginObject()
            writer.field("id", image.id)
            writer.field("name", image.name)
            if let size = image.size { writer.field("size", size) }
            writer.endObject()
        }
        writer.field("networks")
        writer.array(networks) { network, writer in
            writer.beginObject()
            writer.field("id", network.id)
            writer.field("name", network.name)
            writer.endObject()
        }
        writer.field("sizes")
        writer.array(sizes) { size, writer in
            writer.beginObject()
            writer.field("id", size.id)
            writer.field("name", size.name)
            if let cpus = size.amounts.cpus { writer.field("cpus", cpus) }
            if let memory = size.amounts.memoryMiB { writer.field("memory_mib", memory) }
            if let disk = size.amounts.diskGiB { writer.field("disk_gib", disk) }
            writer.endObject()
        }
        writer.endObject()
    }
}
