// DynamoDB Local, whose streams roll over when a test says so: by itself it never does, though it can (it triggers
// no roll-over outside its makers' tests). Run with its jar on the class path:
//   java -cp DynamoDBLocal.jar RollingDynamoDBLocal.java CONTROL_PORT ARGUMENTS-OF-DYNAMODB-LOCAL...
// To CONTROL_PORT of 127.0.0.1, a line each: "roll" (every open shard ends, each gets a child), "age MS" (all that
// streams hold becomes older by so much). It answers "ok", or what went wrong.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.Map;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.shared.access.AmazonDynamoDBLocal;

public class RollingDynamoDBLocal {
    public static void main(String[] arguments) throws Exception {
        var server = ServerRunner.createServerFromCommandLineArgs(Arrays.copyOfRange(arguments, 1, arguments.length));
        server.start();
        var control = new ServerSocket(Integer.parseInt(arguments[0]), 10, InetAddress.getLoopbackAddress());
        while (true) {
            try (Socket who = control.accept()) {
                var lines = new BufferedReader(new InputStreamReader(who.getInputStream()));
                for (String line = lines.readLine(); line != null; line = lines.readLine())
                    who.getOutputStream().write((told(server, line) + "\n").getBytes());
            }
        }
    }

    private static String told(Object server, String line) {
        try {
            Object handler = in(in(server, "serverHandler"), "primaryHandler");
            for (Object one : ((Map<?, ?>) in(handler, "dbRequestHandlers")).values()) {
                var tables = (AmazonDynamoDBLocal) one;
                if (line.equals("roll"))
                    tables.triggerShardRollovers();
                else
                    tables.dilateEventTimes(Long.parseLong(line.substring("age ".length())));
            }
            return "ok";
        } catch (Exception why) {
            return why.toString();
        }
    }

    private static Object in(Object holder, String name) throws Exception {
        for (Class<?> of = holder.getClass(); of != null; of = of.getSuperclass())
            for (Field field : of.getDeclaredFields())
                if (field.getName().equals(name)) {
                    field.setAccessible(true);
                    return field.get(holder);
                }
        throw new NoSuchFieldException(name);
    }
}
